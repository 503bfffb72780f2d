"""A service's database has two roles: one owns the tables and migrates, one runs and can do no more than use them."""

from psycopg import Connection, sql


def provision(connection: Connection, *, name: str, owner_password: str | None, runtime_password: str | None) -> None:
    """Create the database `name` and its roles `name_owner` and `name`, where they are not there yet.

    `connection` is a superuser's, in autocommit. Without passwords the roles rely on how the server
    lets local users in.
    """
    owner = f"{name}_owner"
    for role, password in ((owner, owner_password), (name, runtime_password)):
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        verb = "ALTER" if known else "CREATE"
        connection.execute(
            sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password)
            )
        )
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    connection.execute(
        sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(name))
    )
