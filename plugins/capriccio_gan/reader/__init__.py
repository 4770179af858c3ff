"""The reader: learns from real pictures and their captions which words say what is seen."""
