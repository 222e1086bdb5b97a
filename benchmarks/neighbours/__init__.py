"""Ordinary clients beside hostile ones."""
