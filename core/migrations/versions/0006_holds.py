"""holds set by people: for the whole customer, until a day, by whom"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_KINDS = "kind IN ('order', 'high_risk', 'watch', 'manual', 'blacklist')"
_RUNNING = sa.text('ended_on IS NULL')


def upgrade() -> None:
    op.drop_index('uq_hold_running', table_name='hold')
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.add_column(sa.Column('until', sa.Date(), nullable=True))
        batch_op.add_column(sa.Column('made_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_hold_made_by_id_person'), 'person', ['made_by_id'], ['id'])
        batch_op.drop_constraint(batch_op.f('ck_hold_kind'), type_='check')
        batch_op.create_check_constraint(batch_op.f('ck_hold_kind'), _KINDS)
    op.create_index(
        'uq_hold_running', 'hold', ['customer_id', 'currency', 'kind'], unique=True, sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )


def downgrade() -> None:
    raise NotImplementedError("a ledger is never migrated backwards: restore the backup")
