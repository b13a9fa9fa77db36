"""Who may see what: hospitals, application entities, users, sessions."""
