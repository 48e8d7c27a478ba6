"""orders, requests for credit, temporary limits, ratings"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('rating',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('value', sqlmodel.sql.sqltypes.AutoString(length=8), nullable=False),
    sa.Column('source', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('inputs', sa.JSON(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('made_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.CheckConstraint("source IN ('computed', 'override', 'import')", name=op.f('ck_rating_source')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_rating_customer_id_customer')),
    sa.ForeignKeyConstraint(['made_by_id'], ['person.id'], name=op.f('fk_rating_made_by_id_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rating')),
    sa.UniqueConstraint('customer_id', 'version', name=op.f('uq_rating_customer_id_version'))
    )
    with op.batch_alter_table('rating', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rating_customer_id'), ['customer_id'], unique=False)

    op.create_table('sales_order',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('source', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('number', sqlmodel.sql.sqltypes.AutoString(length=100), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
    sa.Column('prepaid_minor', sa.BigInteger(), nullable=False),
    sa.Column('terms', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('terms_days', sa.Integer(), nullable=True),
    sa.Column('lines', sa.JSON(), nullable=False),
    sa.Column('note', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('asked_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('entered_by', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('fingerprint', sqlmodel.sql.sqltypes.AutoString(length=64), nullable=False),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('conditions', sa.JSON(), nullable=False),
    sa.Column('placed_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('decided_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('ended_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.CheckConstraint("state IN ('held', 'released', 'refused', 'rejected', 'cancelled', 'closed')", name=op.f('ck_sales_order_state')),
    sa.CheckConstraint('amount_minor > 0', name=op.f('ck_sales_order_amount')),
    sa.CheckConstraint('prepaid_minor >= 0 AND prepaid_minor <= amount_minor', name=op.f('ck_sales_order_prepaid')),
    sa.ForeignKeyConstraint(['asked_by_id'], ['person.id'], name=op.f('fk_sales_order_asked_by_id_person')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_sales_order_customer_id_customer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sales_order')),
    sa.UniqueConstraint('source', 'number', name=op.f('uq_sales_order_source_number'))
    )
    with op.batch_alter_table('sales_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sales_order_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index('ix_sales_order_held', ['customer_id'], unique=False, sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'"))
        batch_op.create_index(batch_op.f('ix_sales_order_number'), ['number'], unique=False)
        batch_op.create_index('ix_sales_order_uses', ['customer_id', 'currency'], unique=False, sqlite_where=sa.text("state = 'released'"), postgresql_where=sa.text("state = 'released'"))

    op.create_table('credit_request',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('order_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('asked_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rev', sa.Integer(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('route', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('rungs', sa.JSON(), nullable=False),
    sa.Column('rung', sa.Integer(), nullable=False),
    sa.Column('opened_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('expires_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.Column('remind_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('decided_at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
    sa.Column('decided_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('conditions', sa.JSON(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.CheckConstraint("state IN ('pending', 'approved', 'rejected', 'expired', 'withdrawn', 'obsolete')", name=op.f('ck_credit_request_state')),
    sa.ForeignKeyConstraint(['asked_by_id'], ['person.id'], name=op.f('fk_credit_request_asked_by_id_person')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_credit_request_customer_id_customer')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['person.id'], name=op.f('fk_credit_request_decided_by_id_person')),
    sa.ForeignKeyConstraint(['order_id'], ['sales_order.id'], name=op.f('fk_credit_request_order_id_sales_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_request'))
    )
    with op.batch_alter_table('credit_request', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_credit_request_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index('ix_credit_request_expires', ['expires_at'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index(batch_op.f('ix_credit_request_order_id'), ['order_id'], unique=False)
        batch_op.create_index('uq_credit_request_pending', ['order_id'], unique=True, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))

    op.create_table('credit_line',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('amount_minor', sa.BigInteger(), nullable=False),
    sa.Column('currency', sqlmodel.sql.sqltypes.AutoString(length=3), nullable=False),
    sa.Column('from_on', sa.Date(), nullable=False),
    sa.Column('until', sa.Date(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('made_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('ended_on', sa.Date(), nullable=True),
    sa.CheckConstraint('amount_minor > 0', name=op.f('ck_credit_line_amount')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_credit_line_customer_id_customer')),
    sa.ForeignKeyConstraint(['made_by_id'], ['person.id'], name=op.f('fk_credit_line_made_by_id_person')),
    sa.ForeignKeyConstraint(['request_id'], ['credit_request.id'], name=op.f('fk_credit_line_request_id_credit_request')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credit_line'))
    )
    with op.batch_alter_table('credit_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_credit_line_customer_id'), ['customer_id'], unique=False)
        batch_op.create_index('uq_credit_line_running', ['customer_id', 'currency'], unique=True, sqlite_where=sa.text('ended_on IS NULL'), postgresql_where=sa.text('ended_on IS NULL'))

    op.create_table('credit_vote',
    sa.Column('request_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('request_rev', sa.Integer(), nullable=False),
    sa.Column('rung', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('approve', sa.Boolean(), nullable=False),
    sa.Column('conditions', sa.JSON(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('at', sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_credit_vote_person_id_person')),
    sa.ForeignKeyConstraint(['request_id'], ['credit_request.id'], name=op.f('fk_credit_vote_request_id_credit_request')),
    sa.PrimaryKeyConstraint('request_id', 'request_rev', 'rung', 'person_id', name=op.f('pk_credit_vote'))
    )



def downgrade() -> None:
    raise NotImplementedError("a ledger is never migrated backwards: restore the backup")
