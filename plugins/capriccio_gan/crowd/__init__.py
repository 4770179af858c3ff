"""What many pictures are like together."""
