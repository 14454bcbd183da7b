{{ config(
    materialized=var('chatislav_materialized', 'view'),
    enabled=var('chatislav_reconciliation', false)
) }}

select
    {{ chatislav.key(['bot_id', 'reconciliation.date', 'channel', 'metric']) }} as reconciliation_key,
    bot_id,
    reconciliation.date as day,
    channel,
    metric,
    timezone,
    api_value,
    counted_value,
    difference,
    definition,
    status,
    first_seen_at,
    checked_at,
    heal_attempts,
    healed_at,
    {{ chatislav.flag("status = 'equal'") }} as is_equal,
    {{ chatislav.flag("status in ('missing', 'extra')") }} as is_different
from {{ source('chatislav', 'reconciliation') }} as reconciliation
