"""The Twilio driver: webhooks that run the city's flow, and what the carrier's cloud must be asked for."""
