"""Suggestions at registration: what a demand is about, where, whose, and whether it is there already. People decide."""
