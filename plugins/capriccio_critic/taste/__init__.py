"""What the critic prefers: learned from pictures and their spoiled copies."""
