"""Faults, one after the other, under load; who was told what is checked by a program that shares no code with ours."""
