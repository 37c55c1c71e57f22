"""The record: cases, their histories, the store that keeps them, the REST API and the console."""
