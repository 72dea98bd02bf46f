"""A secured statement becomes Arrow frames. Knows no users and no Flight commands."""
