"""What a request holds, decided by one pure function; and what that decision needs to know of tokens."""
