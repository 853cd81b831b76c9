"""What services say to each other and to the world. Declarations only; imports nothing of ours."""
