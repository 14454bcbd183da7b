-- Models that count the same thing differently.
with totals as (

    select
        (select count(*) from {{ ref('stg_chatislav__conversations') }}) as loaded,
        (select count(*) from {{ ref('chatislav__conversations') }}) as conversations,
        (select sum(conversations) from {{ ref('chatislav__daily') }}) as daily,
        (select sum(conversations) from {{ ref('chatislav__hours') }}) as hours

)

select *
from totals
where
    loaded <> conversations
    or coalesce(daily, 0) <> conversations
    or coalesce(hours, 0) <> conversations
