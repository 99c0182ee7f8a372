"""Other tools' reports from our counts, their quirks included; nothing else reads from here."""
