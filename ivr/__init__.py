"""What a caller hears: the flow as data, the pure engine that walks it, the service that keeps each call."""
