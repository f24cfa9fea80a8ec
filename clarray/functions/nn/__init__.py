"""What networks are made of, eager and symbolic."""
