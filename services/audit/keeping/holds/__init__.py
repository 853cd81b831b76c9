"""Legal holds: what must be neither erased nor dropped, whatever its age. Placing and releasing are records."""
