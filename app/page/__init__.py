"""The live page's static files."""
