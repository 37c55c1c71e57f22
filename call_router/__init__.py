"""Where a call goes, and what becomes of it: the directory of lines, and the reaper that gives every call its end."""
