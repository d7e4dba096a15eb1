<?php
// A plain php-soap client that knows only the served WSDL: asks for a resident, then sends that resident as a notice.
// php client.php WSDL-URL USER SECRET ATENABANGO KIJUNBI
[, $wsdl, $user, $secret, $atenabango, $kijunbi] = $argv;
$client = new SoapClient($wsdl, ['login' => $user, 'password' => $secret, 'cache_wsdl' => WSDL_CACHE_NONE]);
try {
    $answer = $client->jumin_shokai(['atenabango' => $atenabango, 'kijunbi' => $kijunbi]);
    if (!isset($answer->jumin)) {
        echo "none\n";
        exit;
    }
    foreach (get_object_vars($answer->jumin) as $name => $value) {
        echo "$name=$value\n";
    }
    $receipt = $client->ido_tsuchi(['jumin' => $answer->jumin]);
    echo "uketsukebango=$receipt->uketsukebango\n";
} catch (SoapFault $fault) {
    $shogai = $fault->detail->shogai;
    echo "fault=$fault->faultstring\nkodo=$shogai->kodo\n";
    $shiteki = $shogai->shiteki ?? [];
    foreach (is_array($shiteki) ? $shiteki : [$shiteki] as $one) {
        echo "shiteki=$one->kodo $one->komoku\n";
    }
}
