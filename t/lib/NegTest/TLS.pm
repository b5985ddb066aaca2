package NegTest::TLS;

# A certificate authority and server certificates for one run, made by openssl.

use strict;
use warnings;

use NegTest::Process 'run_ok';

my %KEY_ARGS = (
    ec      => [qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256)],
    rsa     => [qw(-newkey rsa:2048)],
    ed25519 => [qw(-newkey ed25519)],
);

sub make_authority {
    my ($class, $dir) = @_;
    my $self = bless { dir => $dir }, $class;
    $self->_request('ca', 'ec', '-x509', '-days', 2, '-subj', '/CN=Test CA');
    return $self;
}

# name.crt and name.key, valid for localhost and 127.0.0.1, or of the subject that is given.
sub make_certificate {
    my ($self, $name, %opt) = @_;
    my $file = "$self->{dir}/$name";
    $self->_request($name, $opt{key} || 'ec', '-subj', $opt{subject} || '/CN=localhost');
    open my $out, '>', "$file.ext" or die "$file.ext: $!\n";
    print $out "subjectAltName = DNS:localhost, IP:127.0.0.1\n";
    close $out;
    my @digest = $opt{digest} ? "-$opt{digest}" : ();
    run_ok([
        qw(openssl x509 -req -days 2), @digest,
        '-in', "$file.csr", '-extfile', "$file.ext", '-out', "$file.crt",
        '-CA', $self->ca_file, '-CAkey', "$self->{dir}/ca.key", '-CAcreateserial'
    ]);
    return ("$file.crt", "$file.key");
}

sub ca_file { "$_[0]{dir}/ca.crt" }

# A configuration of our own: the machine's may be missing or ask for more.
sub _request {
    my ($self, $name, $key, @args) = @_;
    my $file   = "$self->{dir}/$name";
    my $config = "$self->{dir}/req.cnf";
    open my $out, '>', $config or die "$config: $!\n";
    print $out "[req]\nprompt = no\ndistinguished_name = dn\nx509_extensions = ca\n",
      "[dn]\nCN = localhost\n[ca]\nbasicConstraints = critical, CA:TRUE\n";
    close $out;
    my $product = grep({ $_ eq '-x509' } @args) ? "$file.crt" : "$file.csr";
    run_ok([
        qw(openssl req -new -nodes -config), $config,
        @{ $KEY_ARGS{$key} }, @args, '-keyout', "$file.key", '-out', $product
    ]);
    chmod 0600, "$file.key";
    return;
}

1;

__END__

=head1 NAME

NegTest::TLS - certificates for a test run

=head1 SYNOPSIS

    my $tls = NegTest::TLS->make_authority($dir);
    my ($crt, $key) = $tls->make_certificate('server', key => 'rsa',   # ec, ed25519
                                             digest => 'sha384', subject => '/CN=alice');
    $tls->ca_file;

=cut
