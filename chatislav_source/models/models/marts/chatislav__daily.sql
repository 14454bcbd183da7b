{{ config(materialized=var('chatislav_materialized', 'view')) }}

{%- set group = 'bot_id, day, channel' %}
{%- set seconds = ['first_response_seconds', 'time_to_human_seconds', 'duration_seconds'] %}

with conversations as (

    select
        {{ chatislav.with_ranks(seconds, group) }}
    from {{ ref('chatislav__conversations') }}

),

-- not the turns, whose other columns take as long again
asked as (

    select
        {{ group }},
        role,
        created_at,
        {{ chatislav.next_assistant_at() }} as next_assistant_at
    from {{ ref('int_chatislav__messages') }}

),

turns as (

    select
        {{ group }},
        {{ chatislav.seconds_between('created_at', 'next_assistant_at') }}
            as answer_seconds
    from asked
    where role = 'user'

),

ranked_turns as (

    select
        {{ chatislav.with_ranks(['answer_seconds'], group) }}
    from turns

),

answers as (

    select
        {{ group }},
        count(*) as questions,
        count(answer_seconds) as answered_questions,
        {{ chatislav.total('answer_seconds') }} as answer_seconds,
        {{ chatislav.percentile('answer_seconds', 50) }} as day_median_answer_seconds,
        {{ chatislav.percentile('answer_seconds', 90) }} as day_p90_answer_seconds
    from ranked_turns
    group by {{ group }}

),

days as (

    select
        {{ group }},
        count(*) as conversations,
        {{ chatislav.total('message_count') }} as messages,
        {{ chatislav.total('user_messages') }} as user_messages,
        {{ chatislav.total('assistant_messages') }} as assistant_messages,
        {{ chatislav.total('other_messages') }} as other_messages,
        {%- for flag, name in chatislav.counts_of_flags().items() %}
        {{ chatislav.total(flag) }} as {{ name }},
        {%- endfor %}
        count(distinct contact_key) as day_contacts,
        count(first_response_seconds) as responded_conversations,
        {{ chatislav.total('first_response_seconds') }} as first_response_seconds,
        {{ chatislav.percentile('first_response_seconds', 50) }} as day_median_first_response_seconds,
        {{ chatislav.percentile('first_response_seconds', 90) }} as day_p90_first_response_seconds,
        {{ chatislav.percentile('time_to_human_seconds', 50) }} as day_median_time_to_human_seconds,
        {{ chatislav.total('duration_seconds') }} as duration_seconds,
        {{ chatislav.percentile('duration_seconds', 50) }} as day_median_duration_seconds
    from conversations
    group by {{ group }}

)

select
    {{ chatislav.key(['days.bot_id', 'days.day', 'days.channel']) }} as daily_key,
    days.*,
    coalesce(answers.questions, 0) as questions,
    coalesce(answers.answered_questions, 0) as answered_questions,
    coalesce(answers.answer_seconds, 0) as answer_seconds,
    answers.day_median_answer_seconds,
    answers.day_p90_answer_seconds
from days
left join answers
    on
        days.bot_id = answers.bot_id
        and days.day = answers.day
        and days.channel = answers.channel
