"""What a script says about itself: its parameters."""
