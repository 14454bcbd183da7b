{#- Words that say nothing of a topic: Serbian in Latin, with and without accents, and English. -#}
{% macro stop_words() %}
{{ return([
    'ako', 'ali', 'bez', 'bih', 'bila', 'bile', 'bili', 'bilo', 'bio', 'biti', 'bude', 'budem',
    'čak', 'cak', 'dok', 'dva', 'gde', 'god', 'hoće', 'hoce', 'hoću', 'hocu', 'hteo', 'hvala',
    'ili', 'ima', 'imam', 'imate', 'ipak', 'jer', 'jes', 'jeste', 'jedan', 'jedna', 'jedno',
    'još', 'jos', 'kad', 'kada', 'kako', 'kao', 'koja', 'koje', 'koji', 'kojim', 'koju', 'kod',
    'kojeg', 'koliko', 'koga', 'kroz', 'mene', 'meni', 'moj', 'moja', 'moje', 'mogu', 'može',
    'moze', 'možete', 'mozete', 'možda', 'mozda', 'moram', 'nam', 'nas', 'naš', 'nego',
    'neka', 'neki', 'neko', 'nema', 'nemam', 'nešto', 'nesto', 'nije', 'nisam', 'nisu', 'ništa',
    'nista', 'oko', 'ona', 'onda', 'oni', 'ono', 'ova', 'ovaj', 'ovo', 'ove', 'pod', 'pre',
    'preko', 'pri', 'radi', 'sada', 'sad', 'sam', 'samo', 'sebe', 'smo', 'ste', 'sta', 'šta',
    'što', 'sto', 'sve', 'svi', 'svoj', 'tada', 'tako', 'također', 'takođe', 'takodje', 'tamo',
    'tebe', 'tebi', 'toga', 'tom', 'treba', 'tvoj', 'uvek', 'vam', 'vas', 'vaš', 'već', 'vec',
    'više', 'vise', 'vrlo', 'zašto', 'zasto', 'zbog', 'želim', 'zelim',
    'dan', 'dobar', 'dobro', 'molim', 'pozdrav', 'zdravo', 'vece', 'veče', 'jutro',
    'about', 'after', 'all', 'also', 'and', 'any', 'are', 'because', 'been', 'but', 'can', 'could',
    'did', 'does', 'don', 'for', 'from', 'get', 'had', 'has', 'have', 'her', 'here', 'him', 'his',
    'how', 'its', 'just', 'like', 'may', 'more', 'not', 'now', 'off', 'our', 'out', 'over', 'she',
    'should', 'some', 'than', 'that', 'the', 'their', 'them', 'then', 'there', 'these', 'they',
    'this', 'too', 'very', 'was', 'were', 'what', 'when', 'where', 'which', 'who', 'why', 'will',
    'with', 'would', 'you', 'your', 'hello', 'please', 'thank', 'thanks'
]) }}
{% endmacro %}
