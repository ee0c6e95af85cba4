"""Pages, static files, security headers, problem details: everything that browsers see besides the API."""
