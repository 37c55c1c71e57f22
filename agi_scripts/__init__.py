"""The Asterisk driver: a hardened pyst2 AGI, a FastAGI server with bounded threads, verbs turned into AGI commands."""
