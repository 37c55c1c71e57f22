"""The PBX: Asterisk's configuration from templates, its installation into a folder of its own, its process."""
