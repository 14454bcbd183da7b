{{ config(materialized=var('chatislav_materialized', 'view')) }}

with weeks as (

    select distinct
        bot_id,
        contact_key,
        {{ chatislav.monday_of('first_day') }} as cohort_week,
        {{ chatislav.monday_of('day') }} as active_week
    from {{ ref('chatislav__contact_days') }}

),

counted as (

    select
        bot_id,
        cohort_week,
        cast({{ chatislav.days_between('cohort_week', 'active_week') }} / 7 as bigint) as weeks_later,
        count(*) as contacts
    from weeks
    group by 1, 2, 3

)

select
    {{ chatislav.key(['bot_id', 'cohort_week', 'weeks_later']) }} as retention_key,
    bot_id,
    cohort_week,
    weeks_later,
    contacts
from counted
