"""What a row is: Arrow schemas, with the unit and the meaning of every column in its field metadata."""
