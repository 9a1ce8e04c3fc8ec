"""What an operator does for the data of a server: back up, restore, check, examine."""
