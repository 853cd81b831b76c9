"""The platforms that desktops run on, and what their devices call them."""

OS_OF: dict[str, str] = {
    "windows": "^win",
    "macos": "^(mac|os ?x|darwin)",
    "linux": "linux|ubuntu|debian|fedora|suse|red ?hat|rhel",
}
"""Platform → what a device's name of its system looks like, whatever the case; devices say it in words of their own."""
