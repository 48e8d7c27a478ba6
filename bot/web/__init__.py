"""HTTP: the local messenger's page, later the callbacks of messengers, signed forms and the REST API."""
