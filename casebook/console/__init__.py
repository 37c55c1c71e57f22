"""The web console: a Vue application, built by `casebook.console.build` into dist/."""
