<?php
// A php-soap client that knows only the served WSDL. It makes the calls of a file and prints one JSON line for each.
// php client.php WSDL-URL USER SECRET CALLS.json
[, $wsdl, $user, $secret, $calls] = $argv;

// Without this feature one record of a household is an object and several are an array.
$features = SOAP_SINGLE_ELEMENT_ARRAYS;

function shogai(SoapFault $fault): array
{
    $shogai = $fault->detail->shogai ?? null;
    $said = ['faultcode' => $fault->faultcode, 'faultstring' => $fault->faultstring];
    if ($shogai === null) {
        return $said;
    }
    $findings = $shogai->shiteki ?? [];
    $findings = is_array($findings) ? $findings : [$findings];
    return $said + [
        'kodo' => $shogai->kodo,
        'bunmen_ja' => $shogai->bunmen_ja,
        'shiteki' => array_map(fn ($one) => ['kodo' => $one->kodo, 'komoku' => $one->komoku ?? ''], $findings),
    ];
}

$read = [];
foreach (json_decode(file_get_contents($calls), true, flags: JSON_THROW_ON_ERROR)['calls'] as $call) {
    $client = new SoapClient($wsdl, [
        'login' => $user,
        'password' => $call['credential'] ?? $secret,
        'cache_wsdl' => WSDL_CACHE_MEMORY,
        'features' => $features,
    ]);
    $said = ['call' => $call['id']];
    try {
        if (isset($call['resident_of'])) {
            $receipt = $client->ido_tsuchi(['jumin' => $read[$call['resident_of']]]);
            $said['receipt'] = get_object_vars($receipt);
        } else {
            $answer = $client->{$call['operation']}($call['arguments']);
            $records = $answer->jumin ?? [];
            $records = is_array($records) ? $records : [$records];
            $read[$call['id']] = $records[0] ?? null;
            $said['jumin'] = array_map('get_object_vars', $records);
        }
    } catch (SoapFault $fault) {
        if (str_starts_with($fault->faultcode, 'HTTP')) {
            // php-soap tells the status only as the phrase of the status line; the status stands in its headers.
            $said['refused'] = $fault->faultstring;
        } else {
            $said['fault'] = shogai($fault);
        }
    }
    echo json_encode($said, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR), "\n";
}
