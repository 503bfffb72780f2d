"""Commands for a PostgreSQL that is not ours to start: make databases and roles, bring tables to their newest version.

Addresses and passwords come from CHANGHU_… variables only: a command line can be read by everybody on the
machine. Each command may be repeated at any time; provisioning again sets the passwords that are now given.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from changhu_common.service import Service

SUPERUSER_URL = "CHANGHU_SUPERUSER_URL"

Names = Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...", help="服务名; 不写则为全部服务")]


def runtime_password(service: "Service") -> str:
    """The variable with the password of the role that runs a service."""
    return f"CHANGHU_{service.database.upper()}_PASSWORD"


def owner_password(service: "Service") -> str:
    """The variable with the password of the role that owns a service's tables and migrates them."""
    return f"CHANGHU_{service.database.upper()}_OWNER_PASSWORD"


def migration_url(service: "Service") -> str:
    """The variable with the address of a service's database as its owner."""
    return f"CHANGHU_{service.database.upper()}_MIGRATION_URL"


def provision(names: Names = None) -> None:
    """建立各服务的数据库和角色 (所有者, 运行者), 并按环境变量设定口令; 可以重复执行."""
    import psycopg
    from changhu_common.provisioning import provision as provision_one

    services = _chosen(names)
    words = [variable(service) for service in services for variable in (owner_password, runtime_password)]
    given = _given([SUPERUSER_URL, *words])
    address = _address(SUPERUSER_URL, given[SUPERUSER_URL], driver="postgresql")
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            for service in services:
                provision_one(
                    connection,
                    name=service.database,
                    owner_password=given[owner_password(service)],
                    runtime_password=given[runtime_password(service)],
                )
                typer.echo(f"{service.name}: 数据库 {service.database} 及其角色已就绪")
    except psycopg.Error as error:
        raise _refused(f"{SUPERUSER_URL}: {_first_line(error)}") from None


def migrate(names: Names = None) -> None:
    """以所有者身份把各服务的表升级到最新版本; 可以重复执行."""
    from changhu_common.migrating import migrate as migrate_one
    from sqlalchemy.exc import DBAPIError

    services = _chosen(names)
    given = _given([migration_url(service) for service in services])
    for service in services:
        variable = migration_url(service)
        address = _address(variable, given[variable], driver="postgresql+psycopg")
        try:
            migrate_one(versions=service.migrations, metadata=service.metadata, url=address)
        except DBAPIError as error:
            raise _refused(f"{variable}: {_first_line(error.orig)}") from None
        typer.echo(f"{service.name}: 表已是最新版本")


def _chosen(names: Sequence[str] | None) -> "list[Service]":
    from changhu_standalone.deployment import SERVICES

    known = {service.name: service for service in SERVICES}
    if unknown := sorted(set(names or ()) - set(known)):
        raise _refused(f"没有服务 {', '.join(unknown)}; 有 {', '.join(known)}")
    return [service for name, service in known.items() if not names or name in names]


def _given(variables: Sequence[str]) -> dict[str, str]:
    """The values of all these variables; an empty one counts as missing, and all that are missing are told at once."""
    given = {name: os.environ.get(name, "") for name in variables}
    if missing := [name for name, value in given.items() if not value]:
        raise _refused(f"缺少环境变量: {', '.join(missing)}")
    return given


def _address(variable: str, written: str, *, driver: str) -> str:
    """A database's address for this driver. What a parser says of a bad one may hold the password: it is not told."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        url = make_url(written)
    except (SQLAlchemyError, ValueError):
        url = None
    if url is None or url.get_backend_name() != "postgresql":
        raise _refused(f"{variable} 须写成 postgresql+psycopg://角色:口令@主机/数据库; 口令中的特殊字符写成 %XX")
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]


def _refused(what: str) -> typer.Exit:
    typer.echo(what, err=True)
    return typer.Exit(1)
