{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    bot_id,
    session_id,
    day,
    count(*) as stored_messages,
    count(case when role = 'user' then 1 end) as user_messages,
    count(case when role = 'assistant' then 1 end) as assistant_messages,
    count(case when role not in ('user', 'assistant') then 1 end) as other_messages,
    min(case when role = 'user' then created_at end) as first_user_at,
    -- a greeting before the first question is no answer
    min(case when role <> 'user' and turn_number > 0 then created_at end) as first_answer_at,
    min(
        case when role not in ('user', 'assistant') and turn_number > 0 then created_at end
    ) as first_human_at,
    max(case when next_role is null then role end) as last_role
from {{ ref('int_chatislav__messages') }}
group by bot_id, session_id, day
