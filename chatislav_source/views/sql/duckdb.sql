-- Compiled by dbt from chatislav_source/models. Not to be edited:
-- python -m tests.views.dbt
-- project: 955a04f3a6556c50

-- model: chatislav__reconciliation
select
    cast(bot_id as TEXT) || '|' || cast(reconciliation.date as TEXT) || '|' || cast(channel as TEXT) || '|' || cast(metric as TEXT) as reconciliation_key,
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
    case when status = 'equal' then 1 else 0 end as is_equal,
    case when status in ('missing', 'extra') then 1 else 0 end as is_different
from {reconciliation} as reconciliation


-- model: stg_chatislav__analytics
select
    cast(bot_id as TEXT) || '|' || cast(analytics.date as TEXT) || '|' || cast(channel as TEXT) || '|' || cast(timezone as TEXT) as analytics_key,
    bot_id,
    analytics.date as day,
    channel,
    timezone,
    coalesce(is_voice_bot, false) as is_voice_bot,
    conversations__total as conversations,
    conversations__total_messages as messages,
    conversations__assistant_messages as assistant_messages,
    conversations__user_messages as user_messages,
    conversations__starter_question_turns as starter_question_turns,
    conversations__human_takeovers as taken_over_conversations,
    conversations__tool_assisted_conversations as tool_assisted_conversations,
    conversations__guardrail_interventions as guardrail_interventions,
    conversations__feedback_comments as feedback_comments,
    conversations__new_users as day_new_users,
    conversations__returning_users as day_returning_users,
    conversations__unique_contacts as day_unique_contacts,
    conversations__lead_collected_users as day_lead_collected_users,
    conversations__avg_messages_per_conversation as day_avg_messages_per_conversation,
    conversations__median_duration_seconds as day_median_duration_seconds,
    resolutions__confirmed as confirmed_resolutions,
    resolutions__assumed as assumed_resolutions,
    resolutions__unresolved as unresolved_resolutions,
    resolutions__unclear as unclear_resolutions,
    resolutions__confirmed + resolutions__assumed as resolutions,
    resolutions__confirmed + resolutions__assumed
        + resolutions__unresolved + resolutions__unclear as judged_resolutions,
    usage__total_credits as credits,
    usage__messages_with_credit_usage as messages_with_credits,
    usage__main_llm as main_llm_credits,
    usage__agent_router as agent_router_credits,
    usage__agent_inner_loop as agent_inner_loop_credits,
    usage__guardrails as guardrails_credits,
    usage__conversation_summary as conversation_summary_credits,
    usage__followup_questions as followup_questions_credits,
    usage__starter_questions as starter_questions_credits,
    usage__prompt_assistant as prompt_assistant_credits,
    usage__image_features as image_features_credits,
    usage__other as other_credits,
    coalesce(is_final, false) as is_final,
    synced_at
from {analytics} as analytics


-- model: stg_chatislav__conversations
with conversations as (

    select * from {conversations}

),

started as (

    select
        *,
        -- a conversation without a readable start is still a conversation of some day
        coalesce(created_at, last_activity, synced_at) as started_at
    from conversations

)

select
    cast(bot_id as TEXT) || '|' || cast(session_id as TEXT) as conversation_key,
    bot_id,
    session_id,
    coalesce(channel, 'unknown') as channel,
    created_at,
    last_activity,
    started_at,
    case
        when '{timezone}' = 'UTC' then make_timestamp(epoch_us(started_at))
        else started_at at time zone '{timezone}'
    end as started_local,
    cast(case
        when '{timezone}' = 'UTC' then make_timestamp(epoch_us(started_at))
        else started_at at time zone '{timezone}'
    end as date) as day,
    resolution_status,
    summary__resolution_status as summary_resolution_status,
    summary__sentiment as sentiment,
    human_takeover,
    helpful,
    feedback_comment,
    coalesce(nullif(contact__phone_number, ''), nullif(contact__ip_address, '')) as contact_key,
    case
        when nullif(contact__phone_number, '') is not null then 'phone'
        when nullif(contact__ip_address, '') is not null then 'ip'
    end as contact_key_kind,
    message_count,
    synced_at
from started


-- model: stg_chatislav__messages
select
    cast(bot_id as TEXT) || '|' || cast(session_id as TEXT) || '|' || cast(message_index as TEXT) as message_key,
    cast(bot_id as TEXT) || '|' || cast(session_id as TEXT) as conversation_key,
    bot_id,
    session_id,
    message_index,
    id as message_id,
    created_at,
    coalesce(role, 'unknown') as role,
    content
from {conversations__messages}


-- model: chatislav__analytics
select *
from {stg_chatislav__analytics}


-- model: chatislav__contact_days
with contact_days as (

    select
        bot_id,
        day,
        channel,
        contact_key,
        count(*) as conversations
    from {stg_chatislav__conversations}
    where contact_key is not null
    group by bot_id, day, channel, contact_key

),

with_first_day as (

    select
        *,
        min(day) over (partition by bot_id, contact_key) as first_day
    from contact_days

)

select
    cast(bot_id as TEXT) || '|' || cast(day as TEXT) || '|' || cast(channel as TEXT) || '|' || cast(contact_key as TEXT) as contact_day_key,
    cast(bot_id as TEXT) || '|' || cast(contact_key as TEXT) as bot_contact_key,
    bot_id,
    day,
    channel,
    contact_key,
    conversations,
    first_day,
    case when day = first_day then 1 else 0 end as is_first_day
from with_first_day


-- model: chatislav__contacts
with conversations as (

    select
        *,
        row_number() over (
            partition by bot_id, contact_key order by started_at desc, session_id desc
        ) as newest_first
    from {stg_chatislav__conversations}
    where contact_key is not null

)

select
    cast(bot_id as TEXT) || '|' || cast(contact_key as TEXT) as bot_contact_key,
    bot_id,
    contact_key,
    min(contact_key_kind) as contact_key_kind,
    min(started_at) as first_seen_at,
    max(coalesce(last_activity, started_at)) as last_seen_at,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as conversations,
    count(case when resolution_status = 'resolved' then 1 end) as resolved_conversations,
    count(case when human_takeover then 1 end) as taken_over_conversations,
    count(distinct channel) as channels,
    count(distinct day) as active_days,
    max(case when newest_first = 1 then channel end) as last_channel,
    max(case when newest_first = 1 then resolution_status end) as last_resolution_status
from conversations
group by bot_id, contact_key


-- model: chatislav__credits
with zones as (

    select
        bot_id,
        timezone,
        -- a bot may be loaded in two zones, whose days overlap
        row_number() over (partition by bot_id order by count(*) desc, timezone) as place
    from {stg_chatislav__analytics}
    where channel = 'all'
    group by bot_id, timezone

)

select
    cast(analytics.bot_id as TEXT) || '|' || cast(analytics.day as TEXT) as credits_key,
    analytics.bot_id,
    analytics.day,
    analytics.timezone,
    analytics.is_final,
    analytics.conversations,
    analytics.resolutions,
    analytics.credits,
    analytics.main_llm_credits,
    analytics.agent_router_credits,
    analytics.agent_inner_loop_credits,
    analytics.guardrails_credits,
    analytics.conversation_summary_credits,
    analytics.followup_questions_credits,
    analytics.starter_questions_credits,
    analytics.prompt_assistant_credits,
    analytics.image_features_credits,
    analytics.other_credits,
    analytics.messages_with_credits,
    case when analytics.conversations > 0 then analytics.credits / analytics.conversations end
        as day_credits_per_conversation,
    case when analytics.resolutions > 0 then analytics.credits / analytics.resolutions end
        as day_credits_per_resolution
from {stg_chatislav__analytics} as analytics
inner join zones
    on
        analytics.bot_id = zones.bot_id
        and analytics.timezone = zones.timezone
        and zones.place = 1
where analytics.channel = 'all'


-- model: chatislav__freshness
select
    bot_id,
    min(day) as first_day,
    max(day) as last_day,
    max(last_activity) as last_activity,
    max(synced_at) as last_row_written_at,
    count(*) as conversations
from {stg_chatislav__conversations}
group by bot_id


-- model: chatislav__hours
with counted as (

    select
        bot_id,
        day,
        channel,
        cast(extract(hour from started_local) as bigint) as hour,
        count(*) as conversations,
        count(case when resolution_status = 'resolved' then 1 end) as resolved_conversations,
        count(case when human_takeover then 1 end) as taken_over_conversations
    from {stg_chatislav__conversations}
    group by 1, 2, 3, 4

)

select
    cast(bot_id as TEXT) || '|' || cast(day as TEXT) || '|' || cast(hour as TEXT) || '|' || cast(channel as TEXT) as hour_key,
    bot_id,
    day,
    cast(extract(isodow from day) as bigint) as weekday,
    hour,
    channel,
    conversations,
    resolved_conversations,
    taken_over_conversations
from counted


-- model: chatislav__words
with asked as (

    select
        messages.bot_id,
        messages.session_id,
        coalesce(conversations.contact_key, messages.session_id) as person,
        cast(date_trunc('week', conversations.day) as date) as week,
        case
            when regexp_matches(lower(messages.content), '[ђ-џа-ш]') then replace(replace(replace(
                translate(
                    lower(messages.content),
                    'абвгдђежзијклмнопрстћуфхцчш',
                    'abvgdđežzijklmnoprstćufhcčš'
                ), 'љ', 'lj'), 'њ', 'nj'), 'џ', 'dž')
            else lower(messages.content)
        end as content
    from {stg_chatislav__messages} as messages
    inner join {stg_chatislav__conversations} as conversations
        on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id
    where messages.role = 'user'

),

words as (

    select bot_id, session_id, person, week, unnest(regexp_extract_all(content, '[a-zß-öø-žѐ-џа-я]{3,}')) as word
    from asked

),

counted as (

    select
        bot_id,
        week,
        word,
        count(*) as uses,
        count(distinct session_id) as conversations,
        count(distinct person) as day_people
    from words
    where
        word not in (
            'ako', 'ali', 'bez', 'bih', 'bila', 'bile', 'bili', 'bilo', 'bio', 'biti', 'bude', 'budem', 'čak', 'cak', 'dok', 'dva', 'gde', 'god', 'hoće', 'hoce', 'hoću', 'hocu', 'hteo', 'hvala', 'ili', 'ima', 'imam', 'imate', 'ipak', 'jer', 'jes', 'jeste', 'jedan', 'jedna', 'jedno', 'još', 'jos', 'kad', 'kada', 'kako', 'kao', 'koja', 'koje', 'koji', 'kojim', 'koju', 'kod', 'kojeg', 'koliko', 'koga', 'kroz', 'mene', 'meni', 'moj', 'moja', 'moje', 'mogu', 'može', 'moze', 'možete', 'mozete', 'možda', 'mozda', 'moram', 'nam', 'nas', 'naš', 'nego', 'neka', 'neki', 'neko', 'nema', 'nemam', 'nešto', 'nesto', 'nije', 'nisam', 'nisu', 'ništa', 'nista', 'oko', 'ona', 'onda', 'oni', 'ono', 'ova', 'ovaj', 'ovo', 'ove', 'pod', 'pre', 'preko', 'pri', 'radi', 'sada', 'sad', 'sam', 'samo', 'sebe', 'smo', 'ste', 'sta', 'šta', 'što', 'sto', 'sve', 'svi', 'svoj', 'tada', 'tako', 'također', 'takođe', 'takodje', 'tamo', 'tebe', 'tebi', 'toga', 'tom', 'treba', 'tvoj', 'uvek', 'vam', 'vas', 'vaš', 'već', 'vec', 'više', 'vise', 'vrlo', 'zašto', 'zasto', 'zbog', 'želim', 'zelim', 'dan', 'dobar', 'dobro', 'molim', 'pozdrav', 'zdravo', 'vece', 'veče', 'jutro', 'about', 'after', 'all', 'also', 'and', 'any', 'are', 'because', 'been', 'but', 'can', 'could', 'did', 'does', 'don', 'for', 'from', 'get', 'had', 'has', 'have', 'her', 'here', 'him', 'his', 'how', 'its', 'just', 'like', 'may', 'more', 'not', 'now', 'off', 'our', 'out', 'over', 'she', 'should', 'some', 'than', 'that', 'the', 'their', 'them', 'then', 'there', 'these', 'they', 'this', 'too', 'very', 'was', 'were', 'what', 'when', 'where', 'which', 'who', 'why', 'will', 'with', 'would', 'you', 'your', 'hello', 'please', 'thank', 'thanks'
        )
    group by bot_id, week, word

)

select
    cast(bot_id as TEXT) || '|' || cast(week as TEXT) || '|' || cast(word as TEXT) as word_key,
    bot_id,
    week,
    word,
    uses,
    conversations,
    day_people
from counted
where conversations >= 3


-- model: int_chatislav__day_counts
select
    bot_id,
    day,
    channel,
    count(*) as conversations,
    cast(coalesce(sum(message_count), 0) as bigint) as messages,
    cast(coalesce(sum(case when resolution_status = 'resolved' then 1 else 0 end), 0) as bigint) as resolved_conversations,
    cast(coalesce(sum(case when resolution_status = 'unresolved' then 1 else 0 end), 0) as bigint) as unresolved_conversations,
    cast(coalesce(sum(case when resolution_status in ('resolved', 'unresolved') then 1 else 0 end), 0) as bigint) as decided_conversations,
    cast(coalesce(sum(case when human_takeover then 1 else 0 end), 0) as bigint) as taken_over_conversations,
    cast(coalesce(sum(case when not coalesce(human_takeover, false) then 1 else 0 end), 0) as bigint) as deflected_conversations,
    cast(coalesce(sum(case when resolution_status = 'resolved' and not coalesce(human_takeover, false) then 1 else 0 end), 0) as bigint) as contained_conversations,
    cast(coalesce(sum(case when helpful is not null then 1 else 0 end), 0) as bigint) as rated_conversations,
    cast(coalesce(sum(case when helpful = 1 then 1 else 0 end), 0) as bigint) as helpful_conversations,
    cast(coalesce(sum(case when sentiment is not null then 1 else 0 end), 0) as bigint) as conversations_with_sentiment,
    cast(coalesce(sum(case when sentiment = 'positive' then 1 else 0 end), 0) as bigint) as positive_conversations,
    cast(coalesce(sum(case when sentiment = 'neutral' then 1 else 0 end), 0) as bigint) as neutral_conversations,
    cast(coalesce(sum(case when sentiment = 'negative' then 1 else 0 end), 0) as bigint) as negative_conversations,
    cast(coalesce(sum(case when contact_key is not null then 1 else 0 end), 0) as bigint) as conversations_with_contact
from {stg_chatislav__conversations}
group by bot_id, day, channel


-- model: int_chatislav__messages
select
    messages.*,
    -- here, as what makes windows of these rows is faster without their texts
    coalesce(length(messages.content), 0) as characters,
    conversations.day,
    conversations.channel
from {stg_chatislav__messages} as messages
inner join {stg_chatislav__conversations} as conversations
    on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id


-- model: chatislav__messages
with messages as (

    select
        *,
        row_number() over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as position,
        count(case when role = 'user' then 1 end) over (
            partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index rows between unbounded preceding and current row
        ) as turn_number,
        lag(created_at) over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as previous_at,
        lag(role) over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as previous_role
    from {int_chatislav__messages}

)

select
    message_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    message_id,
    channel,
    day,
    created_at,
    role,
    content,
    position,
    turn_number,
    previous_at,
    previous_role,
    cast(floor((epoch_us(created_at) - epoch_us(previous_at)) / 1000000) as bigint)
        as seconds_since_previous,
    characters
from messages


-- model: chatislav__retention
with weeks as (

    select distinct
        bot_id,
        contact_key,
        cast(date_trunc('week', first_day) as date) as cohort_week,
        cast(date_trunc('week', day) as date) as active_week
    from {chatislav__contact_days}

),

counted as (

    select
        bot_id,
        cohort_week,
        cast((active_week - cohort_week) / 7 as bigint) as weeks_later,
        count(*) as contacts
    from weeks
    group by 1, 2, 3

)

select
    cast(bot_id as TEXT) || '|' || cast(cohort_week as TEXT) || '|' || cast(weeks_later as TEXT) as retention_key,
    bot_id,
    cohort_week,
    weeks_later,
    contacts
from counted


-- model: chatislav__turns
with messages as (

    select
        *,
        count(case when role = 'user' then 1 end) over (
            partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index rows between unbounded preceding and current row
        ) as turn_number,
        lead(case when role = 'assistant' then created_at end ignore nulls) over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as next_assistant_at,
        lead(role) over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as next_role,
        count(case when role = 'user' then 1 end) over (
            partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index rows between 1 following and unbounded following
        ) as later_user_messages
    from {int_chatislav__messages}

)

select
    message_key as turn_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    channel,
    day,
    turn_number,
    created_at as asked_at,
    content as question,
    next_assistant_at as answered_at,
    cast(floor((epoch_us(next_assistant_at) - epoch_us(created_at)) / 1000000) as bigint)
        as answer_seconds,
    next_role as answered_by,
    case when next_assistant_at is not null then 1 else 0 end as is_answered,
    case when later_user_messages = 0 then 1 else 0 end as is_last_question
from messages
where role = 'user'


-- model: int_chatislav__conversation_messages
-- no window: to sort messages takes several times as long as to group them twice
with messages as (

    select
        bot_id,
        session_id,
        day,
        message_index,
        created_at,
        role
    from {int_chatislav__messages}

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
                    then lpad(cast(message_index as TEXT), 10, '0') || role
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
    cast(floor((epoch_us(first_answer_at) - epoch_us(first_user_at)) / 1000000) as bigint)
        as first_response_seconds,
    cast(floor((epoch_us(first_human_at) - epoch_us(first_user_at)) / 1000000) as bigint)
        as time_to_human_seconds,
    substr(last_message, 11) as last_role
from answered


-- model: chatislav__conversations
with conversations as (

    select
        *,
        lead(started_at) over (
            partition by contact_key, bot_id order by started_at, session_id
        ) as next_started_at
    from {stg_chatislav__conversations}

),

joined as (

    select
        conversations.*,
        cast(extract(hour from conversations.started_local) as bigint) as hour,
        cast(extract(isodow from conversations.day) as bigint) as weekday,
        cast(date_trunc('week', conversations.day) as date) as week,
        coalesce(facts.stored_messages, 0) as stored_messages,
        coalesce(facts.user_messages, 0) as user_messages,
        coalesce(facts.assistant_messages, 0) as assistant_messages,
        coalesce(facts.other_messages, 0) as other_messages,
        facts.last_role,
        facts.first_response_seconds,
        facts.time_to_human_seconds,
        cast(floor((epoch_us(conversations.last_activity) - epoch_us(conversations.created_at)) / 1000000) as bigint)
            as duration_seconds,
        case when conversations.contact_key is not null then
            cast(floor((epoch_us(conversations.next_started_at) - epoch_us(coalesce(conversations.last_activity, conversations.started_at))) / 1000000) as bigint)
        end as seconds_to_next_contact
    from conversations
    left join {int_chatislav__conversation_messages} as facts
        on
            conversations.bot_id = facts.bot_id
            and conversations.session_id = facts.session_id
            and conversations.day = facts.day

)

select
    conversation_key,
    bot_id,
    session_id,
    channel,
    created_at,
    last_activity,
    started_at,
    started_local,
    day,
    week,
    weekday,
    hour,
    resolution_status,
    summary_resolution_status,
    sentiment,
    human_takeover,
    helpful,
    feedback_comment,
    contact_key,
    contact_key_kind,
    message_count,
    stored_messages,
    user_messages,
    assistant_messages,
    other_messages,
    last_role,
    first_response_seconds,
    time_to_human_seconds,
    duration_seconds,
    seconds_to_next_contact,
    case when resolution_status = 'resolved' then 1 else 0 end as is_resolved,
    case when resolution_status = 'unresolved' then 1 else 0 end as is_unresolved,
    case when resolution_status in ('resolved', 'unresolved') then 1 else 0 end as is_decided,
    case when human_takeover then 1 else 0 end as is_taken_over,
    case when not coalesce(human_takeover, false) then 1 else 0 end as is_deflected,
    case when resolution_status = 'resolved' and not coalesce(human_takeover, false) then 1 else 0 end as is_contained,
    case when assistant_messages > 0 then 1 else 0 end as is_involved,
    case when assistant_messages > 0 and resolution_status = 'resolved' then 1 else 0 end as is_automated,
    case when user_messages = 1 and resolution_status = 'resolved' then 1 else 0 end as is_one_touch,
    case when helpful is not null then 1 else 0 end as is_rated,
    case when helpful = 1 then 1 else 0 end as is_helpful,
    case when sentiment is not null then 1 else 0 end as has_sentiment,
    case when sentiment = 'positive' then 1 else 0 end as is_positive,
    case when sentiment = 'neutral' then 1 else 0 end as is_neutral,
    case when sentiment = 'negative' then 1 else 0 end as is_negative,
    case when last_role = 'user' then 1 else 0 end as is_abandoned,
    case when weekday > 5 or hour < 9 or hour >= 17 then 1 else 0 end as is_after_hours,
    case when contact_key is not null then 1 else 0 end as has_contact,
    case when seconds_to_next_contact <= 86400 then 1 else 0 end as is_recontacted_24h,
    case when seconds_to_next_contact <= 604800 then 1 else 0 end as is_recontacted_7d,
    synced_at
from joined


-- model: chatislav__daily
with conversations as (

    select
        *
    from {chatislav__conversations}

),

-- not the turns, whose other columns take as long again
asked as (

    select
        bot_id, day, channel,
        role,
        created_at,
        lead(case when role = 'assistant' then created_at end ignore nulls) over (partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index) as next_assistant_at
    from {int_chatislav__messages}

),

turns as (

    select
        bot_id, day, channel,
        cast(floor((epoch_us(next_assistant_at) - epoch_us(created_at)) / 1000000) as bigint)
            as answer_seconds
    from asked
    where role = 'user'

),

ranked_turns as (

    select
        *
    from turns

),

answers as (

    select
        bot_id, day, channel,
        count(*) as questions,
        count(answer_seconds) as answered_questions,
        cast(coalesce(sum(answer_seconds), 0) as bigint) as answer_seconds,
        round(quantile_cont(answer_seconds, 0.5), 2) as day_median_answer_seconds,
        round(quantile_cont(answer_seconds, 0.9), 2) as day_p90_answer_seconds
    from ranked_turns
    group by bot_id, day, channel

),

days as (

    select
        bot_id, day, channel,
        count(*) as conversations,
        cast(coalesce(sum(message_count), 0) as bigint) as messages,
        cast(coalesce(sum(user_messages), 0) as bigint) as user_messages,
        cast(coalesce(sum(assistant_messages), 0) as bigint) as assistant_messages,
        cast(coalesce(sum(other_messages), 0) as bigint) as other_messages,
        cast(coalesce(sum(is_resolved), 0) as bigint) as resolved_conversations,
        cast(coalesce(sum(is_unresolved), 0) as bigint) as unresolved_conversations,
        cast(coalesce(sum(is_decided), 0) as bigint) as decided_conversations,
        cast(coalesce(sum(is_taken_over), 0) as bigint) as taken_over_conversations,
        cast(coalesce(sum(is_deflected), 0) as bigint) as deflected_conversations,
        cast(coalesce(sum(is_contained), 0) as bigint) as contained_conversations,
        cast(coalesce(sum(is_involved), 0) as bigint) as involved_conversations,
        cast(coalesce(sum(is_automated), 0) as bigint) as automated_conversations,
        cast(coalesce(sum(is_one_touch), 0) as bigint) as one_touch_conversations,
        cast(coalesce(sum(is_rated), 0) as bigint) as rated_conversations,
        cast(coalesce(sum(is_helpful), 0) as bigint) as helpful_conversations,
        cast(coalesce(sum(has_sentiment), 0) as bigint) as conversations_with_sentiment,
        cast(coalesce(sum(is_positive), 0) as bigint) as positive_conversations,
        cast(coalesce(sum(is_neutral), 0) as bigint) as neutral_conversations,
        cast(coalesce(sum(is_negative), 0) as bigint) as negative_conversations,
        cast(coalesce(sum(is_abandoned), 0) as bigint) as abandoned_conversations,
        cast(coalesce(sum(is_after_hours), 0) as bigint) as after_hours_conversations,
        cast(coalesce(sum(has_contact), 0) as bigint) as conversations_with_contact,
        cast(coalesce(sum(is_recontacted_24h), 0) as bigint) as recontacted_24h_conversations,
        cast(coalesce(sum(is_recontacted_7d), 0) as bigint) as recontacted_7d_conversations,
        count(distinct contact_key) as day_contacts,
        count(first_response_seconds) as responded_conversations,
        cast(coalesce(sum(first_response_seconds), 0) as bigint) as first_response_seconds,
        round(quantile_cont(first_response_seconds, 0.5), 2) as day_median_first_response_seconds,
        round(quantile_cont(first_response_seconds, 0.9), 2) as day_p90_first_response_seconds,
        round(quantile_cont(time_to_human_seconds, 0.5), 2) as day_median_time_to_human_seconds,
        cast(coalesce(sum(duration_seconds), 0) as bigint) as duration_seconds,
        round(quantile_cont(duration_seconds, 0.5), 2) as day_median_duration_seconds
    from conversations
    group by bot_id, day, channel

)

select
    cast(days.bot_id as TEXT) || '|' || cast(days.day as TEXT) || '|' || cast(days.channel as TEXT) as daily_key,
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
