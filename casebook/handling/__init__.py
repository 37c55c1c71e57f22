"""What may be done with a case, and what it does: pure, all of it."""
