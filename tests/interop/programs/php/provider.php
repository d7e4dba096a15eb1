<?php
// A php-soap provider behind the bus: the router of `php -S`. Everything it needs stands in the environment:
// INTEROP_WSDL, INTEROP_SECRET, INTEROP_CASES (what it knows), INTEROP_NOTICES (where it writes what it was told).

final class Juki
{
    public function __construct(private array $cases)
    {
    }

    public function jumin_shokai(object $question): array
    {
        $number = $question->atenabango;
        $this->refuse($number);
        if ($number === $this->cases['crash']) {
            throw new LogicException('a defect');
        }
        return array_filter(['jumin' => $this->cases['residents'][$number] ?? null]);
    }

    public function setai_shokai(object $question): array
    {
        $numbers = $this->cases['households'][$question->setaibango] ?? [];
        return ['jumin' => array_map(fn ($number) => $this->cases['residents'][$number], $numbers)];
    }

    public function ido_tsuchi(object $notice): array
    {
        $this->refuse($notice->jumin->atenabango);
        $line = json_encode(get_object_vars($notice->jumin), JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
        file_put_contents(getenv('INTEROP_NOTICES'), $line . "\n", FILE_APPEND | LOCK_EX);
        return [
            'messageid' => $_SERVER['HTTP_CHIIKIBUS_MESSAGE_ID'],
            'uketsukebango' => 'php-1',
            'uketsuke_nichiji' => date('Y-m-d\TH:i:sP'),
        ];
    }

    private function refuse(string $number): void
    {
        if ($number === $this->cases['vendor_fault']['atenabango']) {
            throw new SoapFault('Server', $this->cases['vendor_fault']['faultstring']);
        }
    }
}

if (($_SERVER['PHP_AUTH_USER'] ?? '') !== 'chiikibus' || $_SERVER['PHP_AUTH_PW'] !== getenv('INTEROP_SECRET')) {
    http_response_code(401);
    exit;
}
$server = new SoapServer(getenv('INTEROP_WSDL'), ['cache_wsdl' => WSDL_CACHE_MEMORY]);
$server->setObject(new Juki(json_decode(file_get_contents(getenv('INTEROP_CASES')), true)));
$server->handle();
