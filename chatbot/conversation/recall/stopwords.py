"""Words that say nothing of what a conversation is about: grammar, small talk, and what one asks of any text.

Not complete, and need not be: whatever else is common is told by how many turns have it.
"""

from __future__ import annotations

from typing import Final

WORDS: Final = """
    a able about above actually after again against all almost alright already also always am among an and another
    any anyone anything are around as ask asked asking away back be because been before being below best better
    between both bring but by call came can change check clear code come compare complete continue correct could
    describe detail did different do does doing done draft each earlier easy either else email end enough even ever
    every everything exactly example explain explanation few find first fine follow following for forget forgot
    format found from full further gave general get getting give given go goes going gone good got great had happen
    has have having he hello help her here hey hi him his how however i idea if improve in include information
    instead interesting into is it its just keep kind know language last later least less let like line list little
    long longer look lot made main make making many may maybe me mean meaning mention mentioned message might mine
    more most much must my name need never new next nice no not nothing now number of off ok okay old on once one
    only or order other our out over own paragraph part people perfect person perhaps place please point possible
    probably problem provide put question quick quickly quite rather read really reason remember reply rewrite right
    said same say saying second see sentence several shall she short shorter should show simple simpler since so some
    someone something sometimes sorry start step still stop such summarise summarize summary sure table take talk
    talked talking tell text than thank thanks that the their them then there these they thing think third this those
    though thought through time to today together told tomorrow tone too topic translate true try turn two type under
    understand until up upon us use used useful using very version want was way we welcome well went were what when
    where whether which while who whole whose why will with within without word work would write wrong yes yesterday
    yet you your english french spanish german italian portuguese chinese korean japanese monday tuesday wednesday
    thursday friday saturday sunday january february march april june july august september october november december
    don doesn didn isn aren wasn weren won wouldn couldn shouldn ll ve re
    alors apres assez au aucun aussi autre aux avant avec avez avoir avons beaucoup bien bonjour bon bonne ca car ce
    cela celle celui certain ces cet cette chaque chose comme comment court dans de deja depuis des deux dire dis dit
    dois doit donc donne donner du elle elles en encore ensuite entre es est et etait etaient etais ete etes etre eu
    exemple explique expliquer faire fait faut francais anglais grand ici il ils je la le les leur leurs lui ma mais
    meme merci mes moi moins mon ne nom nos notre nous on ont ou oui par parle parler parlais parlait parlions pas
    peu peut peux phrase plus point possible pour pourquoi pourrais pouvez premier prochain puis quand que quel
    quelle quelque question qui quoi raconte rappelle rappeler reponse resume resumer sa sans savoir se sera ses si
    simple soit son sont souviens souvenir suis suite sujet sur ta te tes texte toi ton toujours tous tout toute tres
    trop tu un une va veux vers voici voila votre vous vrai vraiment continuez continuer cours salut accord afin
    traduis deuxieme dernier derniere vient
    ahora al algo alguno antes aqui asi aun aunque ayuda bueno cada como con cosa cual cuando cuanto cuenta dame de
    decir del desde despues dice dices dijiste dijo donde dos ejemplo el ella ellos en entonces entre era eran eres
    es esa ese eso esta estaba estan estar este esto estos explica explicar fue fueron gracias habia hablamos hablar
    hace hacer hasta hay hola idioma igual la las le lista lo los luego mas me mejor menos mi mis mismo momento mucho
    muy nada necesito no nos nosotros nuestro otra otro para parte pero poco podrias por porque pregunta primero
    puede puedes pues que quien quiero recordar recuerda recuerdas respuesta saber sabes se sea segun segundo ser si
    siempre sigue siguiente sin sobre solo son su sus tal tambien tanto te tema tenemos tener tengo texto tiempo
    tiene tienes toda todavia todo tu tus un una uno unos usted vale vamos ver verdad vez voy ya yo espanol ingles
    resumen continua adelante favor perfecto claro
    aber alle als also am an auch auf aus bei beispiel bin bis bist bitte da danke dann das dass dein dem den der des
    dich die dies diese dieser dir doch du ein eine einem einen einer erklare erinnerst erinnern erste es etwas fur
    gab geht genau gesagt gut habe haben hallo hast hat hatte hier ich ihr im in ist ja jetzt kann kannst kein konnen
    konntest mach machen mal mehr mein mich mir mit nach nicht noch nochmal nun nur oder schreibe sehr sein sich sie
    sind so uber und uns von vor wann war warum was weiter welche wenn wer werden wie wieder wir wird wo zu zum zur
    frage antwort deutsch
    ao aos as ate com da das de dele depois do dos e ela ele em era essa esse esta este eu foi isso isto ja lembra
    mais mas me mesmo meu minha muito na nao nas no nos nossa nosso o obrigado obrigada onde os ou para pela pelo por
    porque posso pode qual quando que quem sao se sem ser seu sim sobre sua tambem tem uma um voce exemplo pergunta
    resposta explique
    ancora anche che chi ci ciao come con cosa cosi da dei del della delle di dimmi dopo dove e era esempio fare gli
    grazie ha hai ho i il io la le lo ma mi molto nel nella non o per perche piu poi prego puoi quale quando quello
    questo ricordi se sei si sono spiega su sul tu tutto un una uno va vuoi domanda risposta
    а бы в вы где да для до его если есть еще же за и из или как когда кто ли мне мы на не но о он она от по почему
    при расскажи скажи спасибо пожалуйста помнишь продолжай пример вопрос ответ с так такое там то ты у что это я
"""
"""English, French, Spanish, German, Portuguese, Italian and Russian; folded, without the accents."""

HAN: Final = """
    为什么 可以 能够 能不能 会不会 应该 需要 想要 知道 觉得 因为 所以 但是 如果 还是 或者 以及 关于 对于 多少 时候
    现在 今天 昨天 明天 问题 回答 答案 例子 解释 详细 一下 一个 一些 一点 没有 不是 有没有 介绍 总结 翻译 帮忙 帮助
    再见 你好 明白 好的 非常 更多 内容 继续 记得 记住 告诉 刚才 之前 前面 上面 下面 后面 以前 以上 以下 讨论 提到
    聊过 说过 谈到 中文 英文 简单 简短 重新 第一 第二 第三 首先 其次 最后 然后 比如 例如 方法 方面 情况 部分 东西
    意思 进行 使用 通过 不过 还有 星期几 几点 几个 説明 質問 回答 続 教
"""
"""Chinese has no spaces: these end a run of matter, wherever they stand."""

HAN_CHARACTERS: Final = "的了是我你您他她它们这那哪吗呢吧啊呀么什怎很就都也把被请谢"
"""The same, single: only those that are hardly part of a noun."""

HANGUL: Final = """
    기억 알려 설명 계속 감사 고마 고맙 무엇 무슨 어떻 어떤
    어디 언제 누구 누가 얼마 그리고 하지만 그런 그럼 그래 그러 그것
    그거 이런 이것 이거 저것 저거 여기 거기 우리 내가 나는 나의
    너는 당신 제가 저는 해줘 해주 해요 하는 하고 하면 합니 주세
    주실 있어 있나 있는 있습 말해 말한 말했 말씀 이야기 얘기
    부탁 질문 대답 답변 예를 예시 다시 아까 전에 방금 지금 오늘
    어제 내일 조금 정말 아주 매우 아니 안녕 요약 번역 자세
    간단 짧게 길게 내용 다음 처음 마지막 번째 대해 대한 관련 같은
    같이 모두 모든 영어 한국어 가능 필요 생각 좋아 좋은 알았 알겠 없어 없나 없는 했어 했나 했던 뭐야 뭐라 뭐예 왜요
"""
"""Korean says grammar at the end of a word: what *begins* like one of these says nothing."""

PARTICLES: Final = """
    에서는 에서 에게 에는 에도 으로는 으로
    이라고 라고 까지 부터 보다 처럼 이나 이란 이랑 한테 이에요 예요 입니다 인가요 이었 였
    은 는 이 가 을 를 의 에 로 와 과 도 만 랑 란
"""
"""What Korean adds to a noun."""
