"""Voicemail to text: what a recording holds, what was said in it, and where the model comes from."""
