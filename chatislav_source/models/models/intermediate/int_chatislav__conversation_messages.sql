{{ config(materialized=var('chatislav_materialized', 'view')) }}

-- no window: to sort messages takes several times as long as to group them twice
with messages as (

    select
        bot_id,
        session_id,
        day,
        message_index,
        created_at,
        role
    from {{ ref('int_chatislav__messages') }}

),

ends as (

    select
        bot_id,
        session_id,
        day,
        min(case when role = 'user' then created_at end) as first_user_at,
        -- messages without a time are last
        case when count(*) = count(created_at) then max(created_at) end as last_at
    from messages
    group by bot_id, session_id, day

),

counted as (

    select
        messages.bot_id,
        messages.session_id,
        messages.day,
        count(*) as stored_messages,
        count(case when role = 'user' then 1 end) as user_messages,
        count(case when role = 'assistant' then 1 end) as assistant_messages,
        count(case when role not in ('user', 'assistant') then 1 end) as other_messages,
        min(first_user_at) as first_user_at,
        -- a greeting before the first question is no answer; of one instant, the index decides
        min(case when role = 'user' and created_at = first_user_at then message_index end)
            as first_user_index,
        min(case when role <> 'user' and created_at > first_user_at then created_at end)
            as later_answer_at,
        max(case when role <> 'user' and created_at = first_user_at then message_index end)
            as instant_answer_index,
        min(
            case
                when role not in ('user', 'assistant') and created_at > first_user_at
                    then created_at
            end
        ) as later_human_at,
        max(
            case
                when role not in ('user', 'assistant') and created_at = first_user_at
                    then message_index
            end
        ) as instant_human_index,
        -- the role after ten digits of the index: the greatest is that of the last message
        max(
            case
                when created_at = last_at or (created_at is null and last_at is null)
                    then lpad(cast(message_index as {{ dbt.type_string() }}), 10, '0') || role
            end
        ) as last_message
    from messages
    inner join ends
        on
            messages.bot_id = ends.bot_id
            and messages.session_id = ends.session_id
            and messages.day = ends.day
    group by messages.bot_id, messages.session_id, messages.day

),

answered as (

    select
        *,
        case when instant_answer_index > first_user_index then first_user_at else later_answer_at end
            as first_answer_at,
        case when instant_human_index > first_user_index then first_user_at else later_human_at end
            as first_human_at
    from counted

)

select
    bot_id,
    session_id,
    day,
    stored_messages,
    user_messages,
    assistant_messages,
    other_messages,
    first_user_at,
    first_answer_at,
    first_human_at,
    {{ chatislav.seconds_between('first_user_at', 'first_answer_at') }}
        as first_response_seconds,
    {{ chatislav.seconds_between('first_user_at', 'first_human_at') }}
        as time_to_human_seconds,
    substr(last_message, 11) as last_role
from answered
