"""REST API of the hotline; see `casebook.api.app.create_app`."""
