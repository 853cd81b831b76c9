"""What a desktop needs to draw its first screen, in one answer that its stream keeps true."""
