"""What each process of the hotline runs. A module a process, so that none imports what only another needs."""
