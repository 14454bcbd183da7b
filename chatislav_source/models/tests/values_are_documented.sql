-- Values that the API's documentation does not name: a warning, as the API may get new ones.
{{ config(severity='warn') }}
{%- set channels = [
    'widget', 'whatsapp', 'viber', 'instagram', 'facebook', 'telegram', 'outlook', 'zendesk', 'unknown'
] %}
{%- set documented = [
    ('chatislav__conversations', 'resolution_status', ['resolved', 'unresolved']),
    ('chatislav__conversations', 'summary_resolution_status', ['resolved', 'unresolved']),
    ('chatislav__conversations', 'channel', channels),
    ('chatislav__analytics', 'channel', channels + ['all']),
] %}

{% for model, column, values in documented %}
select '{{ model }}.{{ column }}' as place, {{ column }} as found, count(*) as occurrences
from {{ ref(model) }}
where {{ column }} not in ({% for value in values %}'{{ value }}'{% if not loop.last %}, {% endif %}{% endfor %})
group by {{ column }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
