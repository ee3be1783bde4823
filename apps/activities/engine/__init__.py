"""Claiming work, running it, and noticing the dead. PostgreSQL holds all of it; a bell only says when to look."""
