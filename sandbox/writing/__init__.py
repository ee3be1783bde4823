"""The rehearsal "model": reads names and topics out of a prompt and writes about them with prepared sentences."""
